"""The simulated array of the vendor's programs: their packets in, the same engines and controller behind."""
