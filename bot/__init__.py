"""Speaking for the owner: the live client, approval and the command line. The top room: it may import the other two."""
