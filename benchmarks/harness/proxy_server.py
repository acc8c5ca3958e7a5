"""`python proxy_server.py URL PORT`: Optuna's gRPC proxy before a database, as its documentation starts it."""

import sys

from optuna.storages import get_storage, run_grpc_proxy_server

if __name__ == "__main__":
    run_grpc_proxy_server(get_storage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
