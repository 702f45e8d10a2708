"""What Prometheus knows of Weighbridge: the dashboards, and `weighbridge top`, which shows them."""
