"""The ledger: the append-only log from which the public count is derived. It knows no signer."""
