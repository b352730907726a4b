"""Times the engines: ``python -m pixeltree_emu.bench`` (``pixeltree bench engine`` runs this)."""
