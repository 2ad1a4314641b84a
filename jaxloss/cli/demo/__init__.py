"""``jaxloss demo``: a tour that trains, verifies and measures, and writes a report. A file for each part."""
