"""Problem sizes, named after the models and tasks that they come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from jaxloss.verify.case import Case

__all__ = ["SIZES", "Size", "fits", "sizes_of"]


@dataclasses.dataclass(frozen=True)
class Size:
    """So many events (rows, or numbers of an elementwise loss), with so many classes in a row."""

    name: str
    events: int
    classes: int | None
    about: str

    @property
    def elements(self) -> int:
        """Numbers in the first argument."""
        return self.events * (self.classes or 1)


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        size.name: size
        for size in (
            Size("tabular-1M", 1 << 20, None, "a million residuals or binary logits"),
            Size("tabular-16M", 1 << 24, None, "sixteen million: beyond every cache"),
            Size("detection-8192x80", 8192 * 80, None, "anchors by classes, one logit each"),
            Size("digits-10", (1 << 20) // 10, 10, "ten classes, a million logits"),
            Size("attributes-128", 8192, 128, "128 classes, a million logits"),
            Size("imagenet-1k", 1024, 1024, "a large image batch, a million logits"),
            Size("vocab-32k", 32, 32768, "32 tokens of a language model, a million logits"),
            Size("sparse-4096x128", 4096, 128, "sparse attention or labels"),
            Size("segmentation-19x512x512", 512 * 512, 19, "one street scene, classes last"),
            Size("digits-10-16M", (1 << 24) // 10, 10, "ten classes, sixteen million logits"),
            Size("attributes-128-16M", 1 << 17, 128, "128 classes, sixteen million logits"),
            Size("imagenet-1k-16M", 1 << 14, 1024, "1024 classes, sixteen million logits"),
            Size("vocab-32k-16M", 512, 32768, "512 tokens of a language model"),
        )
    }
)


def fits(case: Case, size: Size) -> bool:
    """Whether a case has data of a size: rows or single numbers, and no parameter with an entry for each class."""
    tables = any(np.ndim(value) for value in case.params.values())
    return (size.classes is None) == (case.inputs.axis is None) and not (tables and size.classes)


def sizes_of(case: Case, *, quick: bool = False) -> list[Size]:
    """The sizes that fit the inputs of a case: rows or single numbers; a quick run takes one."""
    chosen = [SIZES["tabular-1M"], SIZES["imagenet-1k"]] if quick else SIZES.values()
    return [size for size in chosen if fits(case, size)]
