# `make image` (scripts/image.sh) builds this with Docker or buildah. The final stage holds one static
# binary and the CA certificates. Every architecture is compiled on the builder's own: Debian's cross
# compiler and multiarch libraries, no emulation.
#
# Debian 13 because its cpp-httplib has the fixes that Debian 12's lacks.
ARG BASE=debian:trixie-slim

FROM --platform=$BUILDPLATFORM $BASE AS build
ENV DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
WORKDIR /src
COPY scripts/packages.sh scripts/
# Programs, for the machine that builds.
RUN sed -i 's/^Types: deb$/& deb-src/' /etc/apt/sources.list.d/*.sources \
 && apt-get -q update \
 && apt-get -q -y install --no-install-recommends \
      $(awk '($1 == "build" || $1 == "static") && $3 !~ /^pc:/ { print $2 }' scripts/packages.sh)

# Libraries, for the machine that the image is for, and the compiler that knows it.
ARG TARGETARCH
RUN case $TARGETARCH in amd64) cpu=x86_64 ;; arm64) cpu=aarch64 ;; *) echo "no $TARGETARCH image"; exit 1 ;; esac \
 && echo "export OOMTRAIL_TRIPLET=$cpu-linux-gnu" >/triplet \
 && dpkg --add-architecture "$TARGETARCH" \
 && apt-get -q update \
 && apt-get -q -y install --no-install-recommends "g++-$(echo $cpu | tr _ -)-linux-gnu" \
      $(awk -v arch="$TARGETARCH" '($1 == "build" || $1 == "static") && $3 ~ /^pc:/ { print $2 ":" arch }' \
          scripts/packages.sh)

# Debian has cpp-httplib as a shared library only, and its libelf.a lacks a part.
COPY scripts/static_archives.sh scripts/
RUN . /triplet && scripts/static_archives.sh "$TARGETARCH"

COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY bpf bpf
COPY proto proto
COPY agent agent
# Another number builds again where the cache would answer: a test compares what comes out.
ARG ATTEMPT=1
RUN --mount=type=cache,target=/ccache \
    . /triplet \
 && export CCACHE_DIR=/ccache \
 && cmake --preset image \
 && cmake --build --preset image --target oomtrail \
 && "$OOMTRAIL_TRIPLET-strip" -o /oomtrail build/image/oomtrail \
 && rm -rf build
# What OpenSSL asks for by itself is /usr/lib/ssl/cert.pem, on Debian a link.
ARG SOURCE_DATE_EPOCH=0
RUN install -D -t /image /oomtrail \
 && install -D -m 644 -t /image/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt \
 && mkdir -p /image/usr/lib/ssl \
 && ln -s ../../../etc/ssl/certs/ca-certificates.crt /image/usr/lib/ssl/cert.pem \
 && find /image -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="oomtrail" \
      org.opencontainers.image.description="Who was OOM-killed on this node, whose limit was hit, and who caused it" \
      org.opencontainers.image.source="https://github.com/oomtrail/oomtrail" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
COPY --from=build /image/ /
ENTRYPOINT ["/oomtrail"]
