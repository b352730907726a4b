"""What runs on the controller: object store, sequencer, node execution, faults, virtual clock."""
