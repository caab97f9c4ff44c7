"""A Spark Structured Streaming job over the changes of the table orders: spark.py JARS BROKER REGISTRY FORMAT TOPIC. Reads the topic to its end, a
hundred records a batch, and prints the rows that are left, as JSON lines. FORMAT: json, json-with-schemas, avro. JARS is a folder; REGISTRY has
Confluent's API."""
import json, pathlib, sys, tempfile, urllib.request

from pyspark.sql import SparkSession
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.functions import coalesce, col, expr, from_json, max_by

jars, broker, registry, form, topic = sys.argv[1:]
work = tempfile.TemporaryDirectory()
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", ",".join(str(jar) for jar in sorted(pathlib.Path(jars).glob("*.jar"))))
    .config("spark.driver.memory", "1g")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.sql.warehouse.dir", work.name)
    .getOrCreate()
)
ROW = "struct<id bigint, customer string, total decimal(10, 2), paid boolean, weight double, made bigint, due int>"
EVENT = f"struct<before {ROW}, after {ROW}, op string>"


def events(records):
    """The value of each record as Debezium's envelope."""
    if form == "json":
        return from_json(records.value.cast("string"), EVENT)
    if form == "json-with-schemas":
        return from_json(records.value.cast("string"), f"struct<payload {EVENT}>").payload
    # the magic byte and the schema's id go before the value; from_avro takes the schema that was registered last
    with urllib.request.urlopen(f"{registry}/subjects/{topic}-value/versions/latest") as answer:
        schema = json.load(answer)["schema"]
    return from_avro(expr("substring(value, 6)"), schema)


records = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", broker)
    .option("subscribe", topic)
    .option("startingOffsets", "earliest")
    .option("maxOffsetsPerTrigger", "100")
    .load()
    .where("value is not null")  # a tombstone follows each delete
)
# all records of a key stand in one partition: the one with the highest offset is the row as it is now
changes = records.select("offset", events(records).alias("event"))
keyed = changes.select(coalesce(col("event.after.id"), col("event.before.id")).alias("id"), "offset", "event")
latest = keyed.groupBy("id").agg(max_by("event", "offset").alias("event"))
query = (
    latest.writeStream.format("memory")
    .queryName("orders")
    .outputMode("complete")
    .option("checkpointLocation", f"{work.name}/checkpoint")
    .trigger(availableNow=True)
    .start()
)
query.awaitTermination()
rows = spark.sql("SELECT event.after.* FROM orders WHERE event.op <> 'd' ORDER BY id")
for row in rows.select("id", "customer", "total", "paid", "weight", "made", "due").collect():
    print(json.dumps(list(row), default=str), flush=True)
spark.stop()
