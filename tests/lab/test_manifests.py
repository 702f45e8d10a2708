"""The real API server and istiod take everything that the charts render; the guide says the rest.

The router's scenarios are tried in `test_router_chart.py`, the pools' in `test_pools.py`, the
rollouts' in `test_rollouts_chart.py`, the clouds' values in `test_clouds.py`.
"""

import re

import pytest
import yaml
from charts.rendering import (
    MESH_CHART,
    MODELS_CHART,
    REPOSITORY,
    ROLLOUTS_CHART,
    ROUTER_CHART,
    render,
    scenarios,
)
from lab.guide import table
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import INGRESS

# Nothing in the lab changes, but validation and webhooks are those of an install. The release has
# another name than the lab's, whose fields would be merged with these.
TRIED = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
NAMESPACES = (INGRESS, "weighbridge", "llm")
NOWHERE = "nowhere"
CHARTS = {
    "mesh": MESH_CHART,
    "models": MODELS_CHART,
    "rollouts": ROLLOUTS_CHART,
    "router": ROUTER_CHART,
}

WRONG_ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: tried, namespace: istio-ingress}}
spec:
  hosts: [llm.example.com]
  gateways: [weighbridge-mesh]
  http:
    - {0}
      route: [{{destination: {{host: gemma-small.llm.svc.cluster.local}}}}]
"""


def rendered_for_the_lab(scenario):
    """Objects of a scenario; those of a namespace that the lab lacks come into one that it has."""
    objects = render(MESH_CHART, scenarios(MESH_CHART)[scenario], name="tried", namespace=INGRESS)
    for each in objects.documents:
        if each["metadata"]["namespace"] not in NAMESPACES:
            each["metadata"]["namespace"] = "llm"
    return objects.documents


def templates_of(chart):
    """Templates of a chart that render objects, as paths in the repository."""
    every = (chart / "templates").glob("*.yaml")
    return {str(path.relative_to(REPOSITORY)) for path in every}


def rendered_templates(chart):
    """Templates that at least one scenario renders something of."""
    texts = (render(chart, values).text for values in scenarios(chart).values())
    sources = {
        source for text in texts for source in re.findall(r"^# Source: (\S+)", text, re.MULTILINE)
    }
    return {f"{chart.relative_to(REPOSITORY)}/{source.partition('/')[2]}" for source in sources}


@pytest.mark.parametrize("scenario", scenarios(MESH_CHART))
def test_every_object_of_a_scenario_is_accepted(lab, scenario):
    objects = rendered_for_the_lab(scenario)

    told = lab.kubectl(*TRIED, "-f", "-", text=yaml.safe_dump_all(objects))

    assert told.count("serverside-applied") == len(objects) > 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("match: [{uri: {regexp: /v1.*}}]", r"match\[0\]\.uri\.regexp: field not declared"),
        ("timeout: 5", r"spec\.http\[0\]\.timeout: expected string"),
        ("rewrite: {}", r"rewrite must specify at least one of"),
        ('match: [{headers: {x-tenant: {regex: "[6-"}}}]', r"missing closing \]: `\[6-`"),
        ("retries: {attempts: 2, retryOn: sometimes}", r"sometimes.*is not a valid retryOn policy"),
    ],
    ids=["unknown-field", "wrong-type", "empty-rewrite", "broken-regex", "unknown-retry"],
)
def test_a_wrong_route_is_refused_with_the_words_of_who_refused_it(lab, fault, words):
    with pytest.raises(CommandError, match=words):
        lab.kubectl(*TRIED, "-f", "-", text=WRONG_ROUTE.format(fault))


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_no_template_is_rendered_by_no_scenario(chart):
    assert rendered_templates(chart) == templates_of(chart)


def test_the_guide_says_of_every_template_where_its_effect_is_seen():
    said = {row[0].strip("`"): row[1].strip("`") for row in table("templates")}

    assert set(said) == {template for chart in CHARTS.values() for template in templates_of(chart)}
    missing = {test for test in said.values() if not (REPOSITORY / test).is_file()}
    assert missing <= {NOWHERE}


def test_the_guide_says_why_of_every_template_whose_effect_is_seen_nowhere():
    unseen = {row[0].strip("`") for row in table("templates") if row[1] == NOWHERE}
    reasons = {row[0].strip("`"): row[1] for row in table("unseen")}

    assert unseen == {name for name in reasons if name.endswith(".yaml")}
    assert all(reasons.values())
