"""What a request says of its sender and of its body: machines, encodings."""
