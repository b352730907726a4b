"""The demonstration's tree: nodes of 16 kernels 4 x 4, trained on scikit-learn's digits, and their fold."""
