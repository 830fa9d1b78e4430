"""What `inferfleet preflight` finds in public projects' files, held against what is wrong there."""
