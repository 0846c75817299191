# The whole product in one image: `docker run -p 8000:8000 ollive` starts its servers, its demo model and the pages.
# For clusters, leave the embedded servers out (`--build-arg EMBEDDED=no`) and run one part per container, as docker-compose.yml does.
FROM python:3.11-slim-bookworm AS build
ARG EMBEDDED=yes
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/venv
WORKDIR /build
RUN pip install --no-cache-dir uv==0.13.8
COPY requirements.txt requirements-embedded.txt ./
RUN uv venv --python /usr/local/bin/python3.11 "$VIRTUAL_ENV" \
    && uv pip install --require-hashes --only-binary :all: -r requirements.txt \
    && if [ "$EMBEDDED" = yes ]; then uv pip install --require-hashes --no-deps -r requirements-embedded.txt; fi

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=ollive.settings \
    OLLIVE_DATA_DIR=/data \
    OLLIVE_HOST=0.0.0.0 \
    OLLIVE_METRICS_ALLOW=127.0.0.0/8,::1
RUN useradd --uid 10001 --no-create-home --home-dir /data ollive \
    && install --directory --owner=ollive --group=ollive --mode=0700 /data /data/spool /data/files /data/metrics
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . .
RUN python -m compileall -q .
USER 10001:10001
# With names for the secrets none is made: an image must not hold any.
RUN SECRET_KEY=none OLLIVE_ENCRYPTION_KEYS=none python manage.py collectstatic --no-input --verbosity 0
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s CMD ["python", "deploy/healthcheck.py"]
CMD ["python", "manage.py", "up"]
