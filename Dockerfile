# One file, two images: `docker build --target sidecar .` and `docker build --target control .`
# Builds with BuildKit and with the legacy builder. Everything installed is in the locked, hashed lists.

FROM python:3.11-slim AS builder
# What builds wheels lives in /build and reaches no image. --without-pip: neither environment holds an installer.
COPY requirements/build.txt /src/requirements/
RUN python -m venv /build \
 && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /src/requirements/build.txt
RUN python -m venv --without-pip /app
WORKDIR /src


FROM builder AS sidecar-builder
COPY requirements/sidecar.txt requirements/
RUN /build/bin/pip --python /app/bin/python install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes -r requirements/sidecar.txt
# Only the sidecar's own package: this image cannot run control, not even by mistake.
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
RUN /build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -w /wheel . \
 && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl \
 && rm /app/bin/control \
 && mkdir -m 0700 /state


FROM python:3.11-slim AS sidecar
RUN rm -rf /usr/local/lib/python3.11/site-packages/pip* /usr/local/lib/python3.11/site-packages/setuptools*
COPY --from=sidecar-builder /app /app
COPY --from=sidecar-builder --chown=10001:10001 /state /state
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SIDECAR_STATE_DIR=/state
USER 10001:10001
WORKDIR /state
EXPOSE 8000
# SIGTERM drains. Ready means: it has a snapshot and enforces it, whether control is there or not.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-I", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8001/ready', timeout=2)"]
ENTRYPOINT ["sidecar"]
CMD ["run"]


FROM python:3.11-slim AS example
# For compose.yml: the two example services. They know nothing of Sidegate.
COPY examples/orders/app.py /srv/orders.py
COPY examples/web/app.py /srv/web.py
RUN chmod a+r /srv/*.py
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10002:10002
WORKDIR /srv
EXPOSE 8080
ENTRYPOINT ["python", "-I"]


FROM builder AS control-builder
COPY requirements/control.txt requirements/
RUN /build/bin/pip --python /app/bin/python install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes -r requirements/control.txt
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
COPY control control
RUN /build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -w /wheel . \
 && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl \
 && rm /app/bin/sidecar \
 && mkdir -m 0700 /data


FROM python:3.11-slim AS control
RUN rm -rf /usr/local/lib/python3.11/site-packages/pip* /usr/local/lib/python3.11/site-packages/setuptools*
COPY --from=control-builder /app /app
COPY --from=control-builder --chown=10001:10001 /data /data
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CONTROL_DATA=/data
USER 10001:10001
WORKDIR /data
EXPOSE 7000 7001
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-I", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:7000/live', timeout=2)"]
ENTRYPOINT ["control"]
CMD ["serve", "--http", "0.0.0.0:7000", "--push", "0.0.0.0:7001"]


FROM control AS bootstrap
# For compose.yml: control's own command line with the example policy beside it, and directories that the volumes
# for credentials take their owner and mode from.
COPY --chown=10001:10001 examples/policy.yaml examples/bootstrap.sh /examples/
USER 0:0
RUN chmod -R a+rX /examples \
 && mkdir -m 0700 /operator /database /join /join/web /join/orders \
 && chown -R 10001:10001 /operator /database /join
USER 10001:10001
WORKDIR /
ENTRYPOINT ["sh", "/examples/bootstrap.sh"]
CMD []
