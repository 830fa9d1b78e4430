"""What an upgrade will break, before it is made: names, behaviour, comparability."""
