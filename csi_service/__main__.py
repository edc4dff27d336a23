"""`python -m csi_service` is `csi`."""

from csi_service.cli import main

main()
