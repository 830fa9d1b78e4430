"""A fleet of made-up servers, quiet or with one fault, put before the alert rules as shipped."""
