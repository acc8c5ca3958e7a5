# lab as a command, at the versions of requirements.lock. It writes into the folder where it is started:
#   docker build -t lab .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" lab trainer.max_epochs=1
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" --entrypoint lab-report lab runs=outputs
#   docker build -t lab:serve --build-arg EXTRAS=serve .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" -p 127.0.0.1:8000:8000 --entrypoint lab-serve lab:serve run=RUN host=0.0.0.0
# For an NVIDIA GPU, with the CUDA version that the machine's driver supports:
#   docker build -t lab:cuda --build-arg TORCH=cu130 .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/work" lab:cuda
# trainer.compile=true needs a C++ compiler, which is not inside.
FROM python:3.11-slim AS build
ARG TORCH=cpu
ARG EXTRAS=mlflow,tensorboard,cmaes,series,peft
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.8 && python -m venv /opt/lab
COPY pyproject.toml README.md LICENSE requirements.lock requirements-torch.lock ./
COPY conf conf
COPY src src
RUN uv pip install --no-cache --python /opt/lab --torch-backend "${TORCH}" \
    --constraint requirements.lock --constraint requirements-torch.lock ".[${EXTRAS}]"

FROM python:3.11-slim
COPY --from=build /opt/lab /opt/lab
# Caches of lab and of its libraries go into the mounted folder, so that they outlive a container.
ENV PATH=/opt/lab/bin:$PATH HOME=/work
RUN useradd --uid 1000 --no-create-home --home-dir /work lab && mkdir /work && chown lab /work
USER 1000
WORKDIR /work
ENTRYPOINT ["lab-train"]
