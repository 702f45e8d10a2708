# vLLM without root: docker build --file docker/vllm.Dockerfile . (see docker/README.md).

# Fill in the digest of the base image; with these zeros the build stops at once, by intent.
ARG VLLM_DIGEST=sha256:0000000000000000000000000000000000000000000000000000000000000000

FROM vllm/vllm-openai:v0.33.0@${VLLM_DIGEST}
ARG VERSION=0.33.0
ARG REVISION=unknown

# Two places: weights, which are mounted and only read, and caches, which need not outlive the
# container. The user has a name, because PyTorch asks for it.
RUN groupadd --gid 65532 vllm-server \
    && useradd --uid 65532 --gid 65532 --home-dir /var/cache/weighbridge --no-create-home \
      --no-log-init --shell /usr/sbin/nologin vllm-server \
    && install --directory --owner=65532 --group=65532 --mode=0750 /models /var/cache/weighbridge

# As models/chart sets them too, for images that were not made here. Nothing is fetched and nothing
# reported unless somebody turns it on.
ENV CUDA_CACHE_PATH=/var/cache/weighbridge/cuda \
    FLASHINFER_WORKSPACE_BASE=/var/cache/weighbridge \
    HF_HOME=/var/cache/weighbridge/huggingface \
    HOME=/var/cache/weighbridge \
    NUMBA_CACHE_DIR=/var/cache/weighbridge/numba \
    TORCHINDUCTOR_CACHE_DIR=/var/cache/weighbridge/inductor \
    TRITON_CACHE_DIR=/var/cache/weighbridge/triton \
    VLLM_CACHE_ROOT=/var/cache/weighbridge/vllm \
    VLLM_CONFIG_ROOT=/var/cache/weighbridge/vllm \
    XDG_CACHE_HOME=/var/cache/weighbridge/cache \
    XDG_CONFIG_HOME=/var/cache/weighbridge/config \
    USER=vllm \
    HF_HUB_OFFLINE=1 \
    VLLM_NO_USAGE_STATS=1 \
    DO_NOT_TRACK=1

LABEL org.opencontainers.image.title="weighbridge-vllm" \
      org.opencontainers.image.description="vLLM for a pool of Weighbridge: no root, caches in one place" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

WORKDIR /var/cache/weighbridge
USER 65532:65532

# API and metrics.
EXPOSE 8000

# No HEALTHCHECK: Kubernetes does not look at it, and asks /health instead.
ENTRYPOINT ["vllm", "serve"]
