"""What runs on one machine: `weighbridge up`, its children, and the pools of the tests."""
