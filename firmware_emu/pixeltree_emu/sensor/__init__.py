"""What the emulated sensor sees: pictures over time, and the light that falls on the pixels."""
