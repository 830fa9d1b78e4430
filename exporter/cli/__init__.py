"""What `inferfleet` runs: the commands, and the service, probe and demonstration behind them."""
