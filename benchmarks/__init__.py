"""What Campaign costs, as ratios to the bare thing in one run on one machine. `python -m benchmarks [part …]`."""
