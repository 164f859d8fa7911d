# An image that runs as nobody in particular, keeps all that it writes in one volume, and ends a
# harvest cleanly on SIGTERM: `docker run -v $PWD/data:/data -v $PWD/works.yaml:/works.yaml:ro \
#   api-harvester run /works.yaml`
FROM python:3.13-slim AS build
COPY . /source
ARG VERSION=0.1.0.dev0
ENV SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir "/source[export,report,notify,otel]"

FROM python:3.13-slim
COPY --from=build /venv /venv
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin harvester \
    && install -d -o harvester -g harvester /data
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
# The volume. A relative folder, `data/NAME`, is in it.
VOLUME /data
WORKDIR /
# The first SIGTERM ends a run after its current chunks; give it a moment: docker stop -t 60
STOPSIGNAL SIGTERM
# One harvest lies in /data/NAME; HARVEST says which, where there are several.
HEALTHCHECK --interval=5m --timeout=1m --start-period=10m \
    CMD ["sh", "-c", "harvester healthcheck ${HARVEST:-/data/*/} --stalled-after 1h"]
ENTRYPOINT ["harvester"]
CMD ["--help"]
