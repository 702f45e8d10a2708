"""Prometheus expositions in, numbers out."""

from prometheus_client.parser import text_string_to_metric_families


def total(exposition, name, **labels):
    """Sum of the series of `name` that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
