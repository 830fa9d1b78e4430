"""What is looked at: documents in files, the queries in them, and how servers are started."""
