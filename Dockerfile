# One image for the bot and the worker: `tsuzuki run` and `tsuzuki worker`.
#
# PyPI's torch for Linux carries CUDA and is several gigabytes. For a machine without a GPU build with
#   docker build --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu .
FROM python:3.11-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tsuzuki
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bot bot
COPY adapters adapters
COPY config config
RUN PIP_EXTRA_INDEX_URL="$PIP_EXTRA_INDEX_URL" /opt/tsuzuki/bin/pip install -c constraints.txt '.[postgresql]'

FROM python:3.11-slim-bookworm
# The folders of the volumes belong to the user already, or a fresh volume would belong to root.
RUN useradd --create-home --uid 10001 tsuzuki \
    && install -d -o tsuzuki -g tsuzuki /data /home/tsuzuki/.cache \
        /home/tsuzuki/.cache/huggingface /home/tsuzuki/.cache/tsuzuki
COPY --from=build /opt/tsuzuki /opt/tsuzuki
ENV PATH=/opt/tsuzuki/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_WAIT_POLICY=PASSIVE \
    TSUZUKI_STORE__URL=sqlite:////data/tsuzuki.db \
    TSUZUKI_WEB__HOST=0.0.0.0
USER tsuzuki
WORKDIR /data
VOLUME /data
EXPOSE 8080 8100
STOPSIGNAL SIGTERM
# The bot answers on 8080, the worker on 8100; whichever this container is.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import sys, urllib.request as u\nfor url in ('http://127.0.0.1:8100/health', 'http://127.0.0.1:8080/'):\n    try:\n        u.urlopen(url, timeout=2); sys.exit(0)\n    except OSError:\n        pass\nsys.exit(1)"]
ENTRYPOINT ["tsuzuki"]
CMD ["run"]
