"""The compiler's passes over the intermediate form, in the order in which the pipeline runs them."""
