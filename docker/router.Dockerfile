# The router: docker build --file docker/router.Dockerfile . (see docker/README.md).

# Fill in the digest of the base image; with these zeros the build stops at once, by intent.
ARG PYTHON_DIGEST=sha256:0000000000000000000000000000000000000000000000000000000000000000

FROM python:3.11-slim@${PYTHON_DIGEST} AS build
# constraints/router-encoder.txt adds onnxruntime, for settings with classifier.second_stage.
ARG LOCK=constraints/router.txt
WORKDIR /src

# Two environments: one that builds the wheel and stays behind, one that is the router and has no pip.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/weighbridge

# Before the sources, so that a change of these does not fetch all packages again. The secret is a
# pip.conf, for those who fetch from an index of their own.
COPY constraints/build.txt ${LOCK} constraints/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: \
      --requirement constraints/build.txt \
    && /opt/build/bin/pip --python /opt/weighbridge/bin/python install --no-cache-dir \
      --require-hashes --only-binary=:all: --requirement "${LOCK}"

COPY pyproject.toml README.md LICENSE ./
COPY router/weighbridge router/weighbridge
COPY models/catalog models/catalog
COPY models/gpus models/gpus
COPY models/simulator models/simulator
COPY mesh/envoy/weighbridge_mesh mesh/envoy/weighbridge_mesh
COPY observability/rules observability/rules
COPY docker/sbom.py docker/sbom.py
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/build/bin/pip --python /opt/weighbridge/bin/python install --no-cache-dir \
      --no-deps --no-index dist/*.whl \
    && /opt/weighbridge/bin/python docker/sbom.py > /opt/weighbridge/sbom.cdx.json

FROM python:3.11-slim@${PYTHON_DIGEST}
ARG VERSION=0.1.0
ARG REVISION=unknown

# What installs packages has no business beside a server.
RUN python -m pip uninstall --yes setuptools wheel pip \
    && rm -rf /usr/local/lib/python3.11/ensurepip

COPY --from=build /opt/weighbridge /opt/weighbridge
ENV PATH=/opt/weighbridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

LABEL org.opencontainers.image.title="weighbridge-router" \
      org.opencontainers.image.description="Routes LLM traffic by how hard the prompt is: an Envoy ext_proc service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      dev.weighbridge.sbom="/opt/weighbridge/sbom.cdx.json"

# A number, for runAsNonRoot to see that it is not root. The router writes nothing; its root file
# system can be read-only.
USER 65532:65532

# 9002: ext_proc and gRPC health. 9090: /metrics.
EXPOSE 9002 9090

# No HEALTHCHECK: Kubernetes does not look at it, and asks the router's gRPC health instead.
ENTRYPOINT ["weighbridge"]
CMD ["serve", "--config", "/etc/weighbridge/settings.yaml"]
