"""What users hand in: paths, numbers and pictures, looked at before they are believed."""
