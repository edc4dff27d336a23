FROM python:3.13-slim AS builder
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY weights weights
COPY csi_service csi_service
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir -c constraints.txt '.[postgresql]'

FROM python:3.13-slim
# A fixed number, so that an orchestrator can see that it is not root; /data is where the service keeps its files.
RUN useradd --uid 10001 --home-dir /data --no-create-home csi && install -d -o csi -g csi -m 700 /data
COPY --from=builder /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 CSI_DATA=/data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# No proxy: one set for the container must not swallow a request to itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", \
    "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["csi"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
