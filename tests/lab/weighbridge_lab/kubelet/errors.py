"""What keeps a container from starting, each with the reason that its status shows."""

from weighbridge_lab.errors import LabError


class KubeletError(LabError):
    """A container can't start for now; the kubelet shows why and tries again.

    Attributes:
        reason: of the waiting state, as a real kubelet names it.
    """

    reason = "ContainerCreating"


class VolumeError(KubeletError):
    """A volume lacks its source."""


class ConfigError(KubeletError):
    """The pod asks for what it may not have, or its variables lack their source."""

    reason = "CreateContainerConfigError"


class ImageError(KubeletError):
    """No programme stands for the image."""

    reason = "ErrImagePull"


class StartError(KubeletError):
    """The sandbox or the programme in it did not start."""

    reason = "RunContainerError"
