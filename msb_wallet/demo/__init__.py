"""The whole story on one machine, with real algorithms and the final formats: `msb-wallet demo`."""
