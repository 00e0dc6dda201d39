# Iroko with everything, the guest kernel included, for a user without privileges:
#     docker build -t iroko .
#     docker run --rm -it -v "$PWD/results:/home/iroko/iroko/results" iroko run --topo fattree --agent ppo
# The Makefile makes it, so it holds what `make setup guest` installs anywhere. The engine `mininet` needs root and the host's kernel
# modules; it is not meant to run in here.
FROM debian:13-slim

ARG USER_ID=1000
ENV DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1

RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git make python3 \
    && useradd --create-home --uid "$USER_ID" iroko

WORKDIR /home/iroko/iroko
# The Debian packages come first: they seldom change. They are the Makefile's list.
COPY Makefile ./
RUN make packages && rm -rf /var/lib/apt/lists/*

COPY --chown=iroko:iroko . .
RUN chown iroko:iroko .
USER iroko
# Where pip's indexes have no CPU build of torch: --build-arg TORCH_INDEX=ADDRESS.
ARG TORCH_INDEX=
RUN make PACKAGES=no TORCH_INDEX="$TORCH_INDEX" setup guest

ENV PATH="/home/iroko/iroko/.venv/bin:$PATH"
ENTRYPOINT ["iroko"]
CMD ["--help"]
