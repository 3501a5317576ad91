# syntax=docker/dockerfile:1

FROM python:3.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /app
COPY requirements.lock ./
RUN /app/bin/python -m pip install --requirement requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY policies ./policies
COPY detectors ./detectors
COPY service ./service
RUN /app/bin/python -m pip install --no-deps . \
    && /app/bin/python -m pip uninstall --yes pip

FROM python:3.12-slim-bookworm
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GLASSGATE_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('GLASSGATE_ADMIN_PORT', '8081') + '/readyz', timeout=2)"]
ENTRYPOINT ["glassgate"]
CMD ["serve"]
