package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	oomtrail "example.com/oomtrail/subscriber/oomtrail/v1"
)

// What a pod is given of its ServiceAccount.
const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// Cluster is as much of the API server as this needs. A controller that does more uses client-go.
type Cluster struct {
	base   string
	client *http.Client
}

// InCluster is the API server of the pod that this runs in.
func InCluster() (*Cluster, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" {
		return nil, fmt.Errorf("-service and -annotate need a pod: KUBERNETES_SERVICE_HOST is not set")
	}
	pem, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &Cluster{
		base: "https://" + net.JoinHostPort(host, port),
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		},
	}, nil
}

// Agents are the ready endpoints of a headless Service at its port named grpc, by node.
// It needs: list endpointslices, in the namespace of the Service.
func (c *Cluster) Agents(ctx context.Context, namespace, service string) (map[string]string, error) {
	var slices struct {
		Items []struct {
			Ports []struct {
				Name string
				Port int
			}
			Endpoints []struct {
				Addresses  []string
				NodeName   string
				Conditions struct{ Ready bool }
			}
		}
	}
	path := "/apis/discovery.k8s.io/v1/namespaces/" + url.PathEscape(namespace) +
		"/endpointslices?labelSelector=" + url.QueryEscape("kubernetes.io/service-name="+service)
	if err := c.do(ctx, http.MethodGet, path, nil, &slices); err != nil {
		return nil, err
	}
	agents := map[string]string{}
	for _, slice := range slices.Items {
		for _, port := range slice.Ports {
			for _, endpoint := range slice.Endpoints {
				if port.Name == "grpc" && endpoint.Conditions.Ready && len(endpoint.Addresses) > 0 {
					agents[endpoint.NodeName] = net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(port.Port))
				}
			}
		}
	}
	return agents, nil
}

const annotation = "oomtrail.example.com/last-oom-kill"

// Annotate notes a kill on its Deployment. The same kill twice is the same note.
// It needs: patch deployments, in the namespaces where it is to do so.
func (c *Cluster) Annotate(ctx context.Context, kill *oomtrail.Event) error {
	workload := kill.GetPod().GetWorkload()
	if workload.GetKind() != "Deployment" {
		return nil
	}
	note, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		annotation: fmt.Sprintf("%s container=%s id=%s", kill.GetTime().AsTime().Format(time.RFC3339),
			kill.GetContainer().GetName(), kill.GetId()),
	}}})
	if err != nil {
		return err
	}
	path := "/apis/apps/v1/namespaces/" + url.PathEscape(kill.GetPod().GetNamespace()) +
		"/deployments/" + url.PathEscape(workload.GetName())
	return c.do(ctx, http.MethodPatch, path, note, nil)
}

// do says Unavailable where another attempt may help, and PermissionDenied or NotFound where not.
func (c *Cluster) do(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	token, err := os.ReadFile(account + "token") // anew: it is rotated
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/merge-patch+json")
	response, err := c.client.Do(request)
	if err != nil {
		return status.Errorf(codes.Unavailable, "API server: %v", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	switch {
	case err != nil:
		return status.Errorf(codes.Unavailable, "API server: %v", err)
	case response.StatusCode == http.StatusForbidden:
		return status.Errorf(codes.PermissionDenied, "%s %s: %s", method, path, text)
	case response.StatusCode == http.StatusNotFound:
		return status.Errorf(codes.NotFound, "%s %s: not there", method, path)
	case response.StatusCode != http.StatusOK:
		return status.Errorf(codes.Unavailable, "%s %s: %s", method, path, response.Status)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}
