"""What a rendering of the mesh's chart says, by the words of the tests."""

from charts.rendering import Document, Rendering

MANAGER = "envoy.filters.network.http_connection_manager"


def patches(rendering: Rendering, apply_to: str, operation: str | None = None) -> list[Document]:
    """Values of the EnvoyFilter's patches of a kind, in their order."""
    return [
        each["patch"]["value"]
        for each in rendering.one("EnvoyFilter")["spec"]["configPatches"]
        if each["applyTo"] == apply_to and operation in {None, each["patch"]["operation"]}
    ]


def http_filter(rendering: Rendering, name: str) -> Document:
    """The value of the patch that adds or changes an HTTP filter."""
    (found,) = (f for f in patches(rendering, "HTTP_FILTER") if f["name"] == name)
    return found


def connection_manager(rendering: Rendering) -> Document:
    """What the EnvoyFilter merges into the connection manager, less its type."""
    (found,) = patches(rendering, "NETWORK_FILTER", "MERGE")
    return {k: v for k, v in found["typed_config"].items() if k != "@type"}


def routes(rendering: Rendering) -> dict[str, Document]:
    """The VirtualService's routes by name, in their order."""
    return {route["name"]: route for route in rendering.one("VirtualService")["spec"]["http"]}


def destinations(route: Document) -> list[tuple[str, str | None, int | None]]:
    """Host, subset and weight of each destination."""
    return [
        (
            each["destination"]["host"].split(".")[0],
            each["destination"].get("subset"),
            each.get("weight"),
        )
        for each in route["route"]
    ]


def policy(rendering: Rendering, tier: str) -> Document:
    """A tier's traffic policy."""
    found: Document = rendering.one("DestinationRule", f"weighbridge-mesh-{tier}")["spec"]
    return found["trafficPolicy"]


def clusters(rendering: Rendering) -> dict[str, Document]:
    """Clusters that the EnvoyFilter adds, by name."""
    return {each["name"]: each for each in patches(rendering, "CLUSTER", "ADD")}
