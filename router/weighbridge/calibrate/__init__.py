"""`weighbridge calibrate`: the router's log in, thresholds that mean something on it out."""
