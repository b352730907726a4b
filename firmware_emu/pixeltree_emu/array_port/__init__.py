"""Only the array, served below the controller, for controllers in any language."""
