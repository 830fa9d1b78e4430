"""The exporter under churn and among dead servers, for an hour or a minute."""
