"""What runs once per host: the keeper, the egress proxy."""
