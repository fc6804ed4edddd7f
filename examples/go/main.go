// Subscriber is a controller's subscription to one node's agent, or to every node's: a line for each OOM
// kill, each once, through restarts of the agent and of this program. docs/clients.md explains what it
// does and why.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	oomtrail "example.com/oomtrail/subscriber/oomtrail/v1"
)

type server struct {
	address       string
	ca, cert, key string // files; for TCP
	name          string // in the agent's certificate, where it is not the host of the address
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("subscriber: ")
	var from server
	flag.StringVar(&from.address, "server", "unix:///run/oomtrail/oomtrail.sock", "the agent: unix:///path or HOST:PORT")
	flag.StringVar(&from.ca, "tls-ca", "", "for HOST:PORT: the CA (PEM) of the agent's certificate")
	flag.StringVar(&from.cert, "tls-cert", "", "this client's certificate (PEM)")
	flag.StringVar(&from.key, "tls-key", "", "its private key (PEM)")
	flag.StringVar(&from.name, "tls-server-name", "", "the name in the agent's certificate [the host of -server]")
	service := flag.String("service", "", "instead of -server, in a pod: NAMESPACE/NAME of the agents' headless Service")
	annotate := flag.Bool("annotate", false, "in a pod: note each kill on its Deployment")
	stateFile := flag.String("state", "subscriber.json", "where the cursor is kept; with -service a folder")
	filter := &oomtrail.Filter{Kinds: []oomtrail.Kind{oomtrail.Kind_KIND_OOM_KILL}}
	flag.Func("namespace", "only of this one; may be given again", func(name string) error {
		filter.Namespaces = append(filter.Namespaces, name)
		return nil
	})
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	cluster := &Cluster{}
	if *service != "" || *annotate {
		var err error
		if cluster, err = InCluster(); err != nil {
			log.Fatal(err)
		}
	}
	act := func(label string) func(*oomtrail.Event) error {
		return func(kill *oomtrail.Event) error {
			if *annotate {
				if err := annotated(ctx, cluster, kill); err != nil {
					return err
				}
			}
			return printLine(label + line(kill))
		}
	}
	subscriber := func(connect func() (*grpc.ClientConn, error), state *State) *Subscriber {
		return &Subscriber{Connect: connect, Filters: []*oomtrail.Filter{filter}, State: state,
			Handle: act(""), Amend: act("named: ")}
	}
	if err := run(ctx, from, *service, *stateFile, cluster, subscriber); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, from server, service, stateFile string, cluster *Cluster,
	subscriber func(func() (*grpc.ClientConn, error), *State) *Subscriber) error {
	if service == "" {
		state, err := LoadState(stateFile)
		if err != nil {
			return err
		}
		return subscriber(from.connect, state).Run(ctx)
	}
	namespace, name, _ := strings.Cut(service, "/")
	from.name = cmp.Or(from.name, name+"."+namespace+".svc")
	fleet := Fleet{
		Agents: func(ctx context.Context) (map[string]string, error) { return cluster.Agents(ctx, namespace, name) },
		Connect: func(address string) (*grpc.ClientConn, error) {
			from := from
			from.address = address
			return from.connect()
		},
		StateIn: stateFile,
		New:     subscriber,
	}
	return fleet.Run(ctx)
}

// annotated ends the stream, to be read again, only where another attempt may help.
func annotated(ctx context.Context, cluster *Cluster, kill *oomtrail.Event) error {
	err := cluster.Annotate(ctx, kill)
	if code := status.Code(err); code == codes.PermissionDenied || code == codes.NotFound {
		log.Printf("not noted: %v", err)
		return nil
	}
	return err
}

func (s server) connect() (*grpc.ClientConn, error) {
	credential, err := s.credentials()
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(s.address,
		grpc.WithTransportCredentials(credential),
		// A node that is gone without a word is noticed. The agent takes pings every 10 s at most.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}))
}

func (s server) credentials() (credentials.TransportCredentials, error) {
	if strings.HasPrefix(s.address, "unix:") {
		return insecure.NewCredentials(), nil // the socket's mode says who may
	}
	if s.ca == "" || s.cert == "" || s.key == "" {
		return nil, errors.New("HOST:PORT needs -tls-ca, -tls-cert and -tls-key")
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, fmt.Errorf("-tls-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("-tls-ca: %s: no certificate in it", s.ca)
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    roots,
		ServerName: s.name,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.cert, s.key)
			return &pair, err
		},
	}), nil
}

func printLine(text string) error {
	_, err := fmt.Println(text)
	return err
}

// line says whose container it was, whose limit was hit, and who died. What is not known is "-".
func line(kill *oomtrail.Event) string {
	pod, container, victim, limit := kill.GetPod(), kill.GetContainer(), kill.GetVictim(), "-"
	if kill.GetLimit() != nil && kill.GetLimit().Bytes != nil {
		limit = fmt.Sprint(kill.GetLimit().GetBytes())
	}
	scope := strings.ToLower(strings.TrimPrefix(kill.GetScope().String(), "SCOPE_"))
	return fmt.Sprintf("%s/%s/%s scope=%s limit=%s victim=%s[%d] id=%s revision=%d",
		cmp.Or(pod.GetNamespace(), "-"), cmp.Or(pod.GetName(), pod.GetUid(), "-"),
		cmp.Or(container.GetName(), container.GetId(), "-"),
		scope, limit, victim.GetComm(), victim.GetPid(), kill.GetId(), kill.GetRevision())
}
