"""What a person sees: one file per feature, each test in the widths of a desk and of a phone."""
