"""The real API server takes every object that the router's chart renders, field by field."""

import pytest
from charts.rendering import ROUTER_CHART, render, scenarios
from weighbridge_lab.errors import CommandError

# By server-side dry run: nothing in the lab changes, but validation and webhooks are those of an
# install. The release has another name than the lab's, whose fields would be merged with these.
TRIED = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")


@pytest.mark.parametrize("scenario", scenarios(ROUTER_CHART))
def test_every_object_of_a_scenario_is_accepted(lab, scenario):
    rendering = render(ROUTER_CHART, scenarios(ROUTER_CHART)[scenario], name="tried")

    told = lab.kubectl(*TRIED, "-f", "-", text=rendering.text)

    assert told.count("serverside-applied") == len(rendering.documents)


def test_a_field_that_no_kind_has_is_refused(lab):
    text = render(ROUTER_CHART, name="tried").text.replace("minReadySeconds:", "minReadySecond:")

    with pytest.raises(CommandError, match="minReadySecond"):
        lab.kubectl(*TRIED, "-f", "-", text=text)
