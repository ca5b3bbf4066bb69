# flagd-server: the service, nothing it was built with, run by a user without rights.

ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/server.txt requirements/

# The tools that make wheels stay in an environment of their own; /app is what the image gets.
RUN python -m venv /tools \
    && /tools/bin/python -m pip install --require-hashes -r requirements/build.txt \
    && python -m venv --without-pip /app \
    && python -m pip --python /app/bin/python install --require-hashes -r requirements/server.txt

COPY LICENSE README.md pyproject.toml ./
COPY sdk sdk
COPY migrations migrations
COPY flagd flagd
RUN /tools/bin/python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels ./sdk . \
    && python -m pip --python /app/bin/python install --no-deps --no-index --find-links /wheels flagd-sdk flagd-server \
    && /app/bin/python -m compileall -q /app/lib

FROM python:${PYTHON_VERSION}-slim
LABEL org.opencontainers.image.title="flagd-server" \
      org.opencontainers.image.description="Self-hosted feature flags and progressive delivery" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 flagd \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/flagd --shell /usr/sbin/nologin flagd \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/flagd
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FLAGD_HOST=0.0.0.0 \
    FLAGD_PORT=8080 \
    FLAGD_DATA_DIR=/var/lib/flagd
WORKDIR /var/lib/flagd
VOLUME /var/lib/flagd
EXPOSE 8080
# By number: an orchestrator that refuses root can check it.
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"FLAGD_PORT\"]}/livez', timeout=2)"]
ENTRYPOINT ["flagd"]
CMD ["serve"]
