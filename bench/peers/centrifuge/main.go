// Command centrifuge is the library github.com/centrifugal/centrifuge with its Redis broker, set up for speed as its
// documents say: PORT and REDIS_ADDRESS come from the environment, the user from the address of the socket.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
)

// As many messages as Parley keeps in Redis of a conversation, and as long.
const (
	historySize = 10_000
	historyTTL  = 30 * 24 * time.Hour
)

// writeDelay is how long the library gathers what it has for one connection, so that it costs fewer system calls; with
// the limit on a frame's messages lifted, or that would be the limit of what a connection is sent. In fan-out it gives
// 1.6 times as much, in echo and rooms 10 to 20 % less: the bench sets GATHER accordingly.
const writeDelay = time.Millisecond

func main() {
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:   centrifuge.LogLevelError,
		LogHandler: func(entry centrifuge.LogEntry) { log.Printf("%s: %v", entry.Message, entry.Fields) },
		// Larger than the history's time, as its documents ask.
		HistoryMetaTTL: historyTTL + 24*time.Hour,
		// A sender with much in flight is cut off at the usual megabyte.
		ClientQueueMaxSize: 64 << 20,
	})
	if err != nil {
		log.Fatal(err)
	}
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: os.Getenv("REDIS_ADDRESS")})
	if err != nil {
		log.Fatal(err)
	}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		log.Fatal(err)
	}
	node.SetBroker(broker)
	var reply centrifuge.ConnectReply
	if os.Getenv("GATHER") == "true" {
		reply = centrifuge.ConnectReply{WriteDelay: writeDelay, MaxMessagesInFrame: -1}
	}
	node.OnConnecting(func(_ context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return reply, nil
	})
	node.OnConnect(serve)
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	socket := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: true})
	http.Handle("/connection/websocket", signIn(socket))
	http.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// serve lets a client hear every channel, with recovery, and speak in it. A publication is stored before the next of the
// same connection is looked at: in goroutines of their own, one sender's messages change places (see bench/README.md).
func serve(client *centrifuge.Client) {
	client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
		done(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{EnableRecovery: true}}, nil)
	})
	client.OnPublish(func(event centrifuge.PublishEvent, done centrifuge.PublishCallback) {
		done(centrifuge.PublishReply{Options: centrifuge.PublishOptions{
			HistorySize: historySize,
			HistoryTTL:  historyTTL,
			ClientInfo:  event.ClientInfo,
		}}, nil)
	})
}

func signIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		user := &centrifuge.Credentials{UserID: request.URL.Query().Get("user")}
		next.ServeHTTP(answer, request.WithContext(centrifuge.SetCredentials(request.Context(), user)))
	})
}
