"""Every implementation of the op against its reference: value, every gradient, transforms, memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxloss import linear_softmax_cross_entropy, measure
from jaxloss.kernels.linear_rows import chunk_rows, chunked
from jaxloss.rows.projected import IMPLEMENTATIONS

OTHERS = [name for name in IMPLEMENTATIONS if name != "reference"]
OPTIONS = [
    {},
    {"label_smoothing": 0.1},
    {"z_loss": 0.01, "temperature": 0.5},
    {"logit_cap": 2.0, "label_smoothing": 0.2},
    {"ignore_index": 3},
    {"where": True},
    {"weights": True, "class_weights": True},
    {"tied": True, "bias": True},
    {"dense": True, "bias": True},
]


def problem(tokens=13, features=8, classes=21, scale=1.0, dtype=jnp.float32, seed=0, **options):
    """Data of a problem, and the loss of hidden states, kernel and whatever else has a gradient."""
    keys = iter(jax.random.split(jax.random.key(seed), 8))
    hidden = (scale * jax.random.normal(next(keys), (tokens, features))).astype(dtype)
    kernel = jax.random.normal(next(keys), (features, classes)).astype(dtype)
    labels = jax.random.randint(next(keys), (tokens,), 0, classes)
    if options.pop("dense", False):
        labels = jax.nn.softmax(jax.random.normal(next(keys), (tokens, classes)))
    free = [hidden, kernel.T if options.get("tied") else kernel]
    if options.pop("bias", False):
        free.append(jax.random.normal(next(keys), (classes,)))
    if options.get("where"):
        options["where"] = jnp.arange(tokens) % 3 > 0
    if options.get("weights"):
        options["weights"] = jnp.linspace(0.5, 2, tokens)
    if options.get("class_weights"):
        options["class_weights"] = jnp.linspace(0.1, 3, classes)

    def loss(hidden, kernel, bias=None, **more):
        return linear_softmax_cross_entropy(hidden, kernel, labels, bias=bias, **options, **more)

    return free, loss


def outcome(free, loss, **options):
    argnums = tuple(range(len(free)))
    total = lambda *free: jnp.sum(loss(*free, **options))
    return jax.jit(jax.value_and_grad(total, argnums))(*free)


def assert_equal(got, due, ulps=64):
    """Equal to so many units in the last place of the largest entry: sums of another order."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(due), strict=True):
        assert a.dtype == b.dtype
        size = float(np.max(np.abs(np.asarray(b, np.float64)), initial=1e-30))
        tolerance = ulps * float(jnp.finfo(b.dtype).eps) * size
        np.testing.assert_allclose(np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=0, atol=tolerance)


@pytest.mark.parametrize("implementation", OTHERS)
class TestEveryImplementation:
    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    def test_value_and_every_gradient(self, implementation, reduction, options):
        free, loss = problem(**options)
        due = outcome(free, loss, reduction=reduction, implementation="reference")
        assert_equal(outcome(free, loss, reduction=reduction, implementation=implementation, chunk_size=5), due)

    @pytest.mark.parametrize("tokens", [1, 4, 5, 8, 16, 17])
    @pytest.mark.parametrize("reduction", ["mean", "none"])
    def test_tokens_that_do_not_fill_the_last_chunk(self, implementation, reduction, tokens):
        free, loss = problem(tokens, bias=True)
        free[2] = free[2].at[0].set(-jnp.inf)  # what fills the chunk has no label that could be impossible
        due = outcome(free, loss, reduction=reduction, implementation="reference")
        assert_equal(outcome(free, loss, reduction=reduction, implementation=implementation, chunk_size=4), due)

    @pytest.mark.parametrize("classes", [2049, 50257, 128256])
    def test_no_class_but_the_real_ones_counts(self, implementation, classes):
        # With logits near 0, a padded class would add as much as a real one.
        free, loss = problem(5, 4, classes, scale=1e-3)
        value, slopes = outcome(free, loss, implementation=implementation, chunk_size=2)
        assert abs(float(value) - np.log(classes)) < 1e-3
        assert_equal((value, slopes), outcome(free, loss, implementation="reference"))

    @pytest.mark.parametrize("reduction", ["mean", "none"])
    def test_16_bits(self, implementation, reduction):
        free, loss = problem(40, dtype=jnp.bfloat16)

        got = outcome(free, loss, reduction=reduction, implementation=implementation, chunk_size=4)
        due = outcome([a.astype(jnp.float32) for a in free], loss, reduction=reduction, implementation="reference")
        assert got[0].dtype == jnp.float32
        np.testing.assert_allclose(got[0], due[0], rtol=1e-6)
        for a, b in zip(got[1], due[1], strict=True):  # summed in float32: ten chunks cost no more than one rounding
            assert a.dtype == jnp.bfloat16
            atol = float(jnp.finfo(jnp.bfloat16).eps) * float(jnp.max(jnp.abs(b)))
            np.testing.assert_allclose(a.astype(jnp.float32), b, rtol=0, atol=atol)

    @pytest.mark.parametrize("tied", [False, True])
    def test_slopes_below_the_smallest_float16(self, implementation, tied):
        # 2000 tokens of 1000 classes: a slope of the mean is 5e-7, of which float16 keeps four bits.
        free, loss = problem(2000, 8, 1000, dtype=jnp.float16, tied=tied)
        scaled = lambda loss: lambda *free: 2.0**14 * loss(*free)  # so that the result is none of these
        got = outcome(free, scaled(lambda *free: loss(*free, implementation=implementation)))
        wide = [a.astype(jnp.float32) for a in free]
        due = outcome(wide, scaled(lambda *free: loss(*free, implementation="reference")))
        np.testing.assert_allclose(got[0], due[0], rtol=1e-6)
        for a, b in zip(got[1], due[1], strict=True):
            atol = float(jnp.finfo(jnp.float16).eps) * float(jnp.max(jnp.abs(b)))
            np.testing.assert_allclose(a.astype(jnp.float32), b, rtol=0, atol=atol)

    def test_slopes_below_the_smallest_float16_of_values_that_are_averaged_outside(self, implementation):
        (hidden, kernel), _ = problem(2000, 8, 1000, dtype=jnp.float16)
        labels = jnp.arange(2000) % 1000
        loss = lambda h, w, **more: jnp.mean(linear_softmax_cross_entropy(h, w, labels, reduction="none", **more))
        hidden, kernel = hidden / 1024, kernel * 1024  # so that the gradient is none of these
        got = jax.grad(loss)(hidden, kernel, implementation=implementation)
        due = jax.grad(loss)(hidden.astype(jnp.float32), kernel.astype(jnp.float32), implementation="reference")
        atol = float(jnp.finfo(jnp.float16).eps) * float(jnp.max(jnp.abs(due)))
        np.testing.assert_allclose(got.astype(jnp.float32), due, rtol=0, atol=atol)

    def test_a_wrong_label_in_float16_spoils_no_other_token(self, implementation):
        free, _ = problem(8, dtype=jnp.float16)
        labels = jnp.arange(8).at[3].set(99)
        slope = jax.grad(lambda h: linear_softmax_cross_entropy(h, free[1], labels, implementation=implementation))
        spoilt = jnp.any(jnp.isnan(slope(free[0])), -1)
        assert list(spoilt) == [i == 3 for i in range(8)]

    @pytest.mark.parametrize("reduction", ["mean", "none"])
    def test_second_derivatives(self, implementation, reduction):
        with jax.enable_x64(True):
            free, loss = problem(5, 2, 4, dtype=jnp.float64, label_smoothing=0.1)
            total = lambda i: lambda *free: jnp.mean(loss(*free, reduction=reduction, implementation=i, chunk_size=2))
            due = jax.jit(jax.hessian(total("reference"), (0, 1)))(*free)
            for second in (
                jax.hessian,
                lambda f, i: jax.jacrev(jax.grad(f, i), i),
                lambda f, i: jax.jacfwd(jax.jacfwd(f, i), i),
            ):
                got = jax.jit(second(total(implementation), (0, 1)))(*free)
                jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14), got, due)

    @pytest.mark.parametrize("reduction", ["mean", "none"])
    def test_transforms(self, implementation, reduction):
        free, loss = problem(8)
        total = lambda *free: jnp.mean(loss(*free, reduction=reduction, implementation=implementation, chunk_size=3))
        value, due = jax.value_and_grad(total, (0, 1))(*free)
        batch = [jnp.stack([a, 2 * a]) for a in free]
        each = jax.jit(jax.vmap(jax.grad(total, (0, 1))))(*batch)
        assert_equal([a[0] for a in each], due)
        assert_equal(jax.jit(jax.grad(jax.checkpoint(total), (0, 1)))(*free), due)
        scanned = lambda *free: jax.lax.scan(lambda c, _: (c + total(*free), None), 0.0, None, length=2)[0]
        assert_equal(jax.jit(jax.grad(scanned, (0, 1)))(*free), [2 * a for a in due])
        tangents = [jnp.ones_like(a) for a in free]
        got = jax.jit(lambda *free: jax.jvp(total, free, tuple(tangents)))(*free)
        assert_equal(got, (value, sum(jnp.sum(a) for a in due)))

    def test_tokens_over_devices(self, implementation):
        free, _ = problem(8)
        mesh = Mesh(np.array(jax.devices()[:2]), ("tokens",))
        labels = jnp.arange(8) % 21

        def mean(hidden, kernel, labels):
            total = linear_softmax_cross_entropy(
                hidden, kernel, labels, reduction="sum", implementation=implementation, chunk_size=3
            )
            return jax.lax.psum(total, "tokens") / 8

        rows, whole = PartitionSpec("tokens"), PartitionSpec()
        spread = jax.shard_map(mean, mesh=mesh, in_specs=(rows, whole, rows), out_specs=whole)
        placed = jax.device_put((free[0], labels), NamedSharding(mesh, rows))
        got = jax.jit(jax.value_and_grad(spread, (0, 1)))(placed[0], free[1], placed[1])
        due = jax.value_and_grad(lambda h, w: linear_softmax_cross_entropy(h, w, labels), (0, 1))(*free)
        assert_equal(got, due)

    def test_one_kernel_for_each_batch(self, implementation):
        free, _ = problem(8)
        hidden, kernel = (jnp.stack([a, -a, 2 * a]) for a in free)
        labels = jnp.tile(jnp.arange(8) % 21, (3, 1))
        call = lambda h, w, y: linear_softmax_cross_entropy(
            h, w, y, reduction="none", implementation=implementation, chunk_size=3
        )
        each = jnp.stack([call(hidden[i], kernel[i], labels[i]) for i in range(3)])
        assert_equal(call(hidden, kernel, labels), each)

    @pytest.mark.parametrize("reduction", ["mean", "none"])
    @pytest.mark.parametrize(
        "options",
        [{}, {"label_smoothing": 0.1}, {"z_loss": 1e-4}, {"logit_cap": 30.0}, {"temperature": 2.0}, {"where": True}],
        ids=str,
    )
    def test_memory_is_less_than_a_quarter(self, implementation, options, reduction):
        tokens, features, classes = 8192, 512, 128256
        shapes = [
            jax.ShapeDtypeStruct((tokens, features), jnp.float32),
            jax.ShapeDtypeStruct((features, classes), jnp.float32),
        ]
        ids = jax.ShapeDtypeStruct((tokens,), jnp.int32)

        def compiled(implementation):
            options_ = options | ({"where": jnp.arange(tokens) > 8} if "where" in options else {})
            total = lambda h, w, y: jnp.mean(
                linear_softmax_cross_entropy(h, w, y, reduction=reduction, implementation=implementation, **options_)
            )
            return measure.compile(jax.value_and_grad(total, (0, 1)), *shapes, ids)

        materialised = compiled("reference").temp_bytes
        assert materialised >= 4 * tokens * classes
        assert compiled(implementation).temp_bytes < materialised / 4


def test_three_products_when_reduced_and_four_when_not():
    tokens, features, classes = 256, 32, 512
    free, loss = problem(tokens, features, classes)
    products = lambda **options: str(
        jax.jit(jax.value_and_grad(lambda *f: jnp.sum(loss(*f, chunk_size=64, **options)), (0, 1)))
        .lower(*free)
        .as_text()
    ).count("dot_general")
    assert products(reduction="mean") == 3
    assert products(reduction="none") == 4


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what XLA:CPU makes of it")
def test_no_product_over_the_rows_of_both_arguments():
    # Its routine is slower: XLA:CPU would make one of a product with turned hidden states, were it not kept from it.
    free, loss = problem(256, 32, 512)
    compiled = jax.jit(jax.grad(lambda *f: loss(*f, chunk_size=64), (0, 1))).lower(*free).compile().as_text()
    assert "lhs_contracting_dims={1}, rhs_contracting_dims={0}" in compiled
    assert "lhs_contracting_dims={0}, rhs_contracting_dims={0}" not in compiled


def test_what_is_not_differentiated_costs_no_product():
    free, loss = problem(256, 32, 512)
    text = jax.jit(jax.grad(lambda h: loss(h, free[1], chunk_size=64))).lower(free[0]).as_text()
    assert text.count("dot_general") == 2


def test_chunks_are_spread_evenly():
    assert chunk_rows(2048, 4 * 32768) == 1024
    assert chunk_rows(1025, 4 * 32768) == 513
    assert chunk_rows(8192, 4 * 128256) == 512
    assert chunk_rows(8192, 4 * 128256, 100) == 100
    assert chunk_rows(10, 4, 4) == 4
    assert chunk_rows(0, 4) == 0


def test_equal_calls_outside_jit_compile_once():
    free, loss = problem(6)
    loss(*free)
    before = chunked.total._cache_size()
    loss(*free)
    assert chunked.total._cache_size() == before


def test_optax_of_the_product():
    free, loss = problem(12)
    labels = jax.random.randint(list(jax.random.split(jax.random.key(0), 8))[2], (12,), 0, 21)
    theirs = lambda h, w: jnp.mean(optax.softmax_cross_entropy_with_integer_labels(h @ w, labels))
    assert_equal(outcome(free, loss), jax.value_and_grad(theirs, (0, 1))(*free))
