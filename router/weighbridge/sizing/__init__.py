"""Which GPUs hold which model: `weighbridge catalog`, and the figures of the pools' chart."""
