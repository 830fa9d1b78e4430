"""What every other room stands on: errors, units, what is said of a bad value, YAML."""
