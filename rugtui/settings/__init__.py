"""Settings and preferences: declared, validated, read from options, forms and a config file."""
