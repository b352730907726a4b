"""The emulated pixel processor array: planes, engines, selection, sensor."""
